"""What runs a domain on a store: sending, folding, projecting, reacting; `workbench.py` is the door to all of it."""
