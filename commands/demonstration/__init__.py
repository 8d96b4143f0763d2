"""What `gatecast demo` is made of: the readings it sends, what it scores, and what it draws."""
