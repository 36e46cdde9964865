"""The fields of a model as options of a command line, and back."""
