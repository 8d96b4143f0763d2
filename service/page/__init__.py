"""What a browser is given: the page at `/`, the documentation at `/docs`, and the vendored uPlot. Nothing runs here."""
