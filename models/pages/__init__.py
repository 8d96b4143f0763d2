"""What reports as HTML pages share: the document and its style, tables, and pictures that follow the reader's theme."""
