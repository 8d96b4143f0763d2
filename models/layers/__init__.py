"""Recurrent layers: the same weights as a fused operator over a sequence and as a cell for one step."""
