"""The edge: the only folder, with app.py, that knows fastapi; it turns what clients send into the engine's arrays."""
