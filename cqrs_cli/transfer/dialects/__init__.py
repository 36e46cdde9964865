"""The logs of other stores, read only: a small file for each kind of them."""
