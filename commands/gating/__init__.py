"""What a bundle's gates do while a series goes by: looked at step by step, drawn as a picture and as a page."""
