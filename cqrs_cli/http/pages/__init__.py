"""Pages for people, under `/ui`: the workbench in a browser. All of it works without a script; with one it is quicker.

Nothing here knows more than the shell: each page shows the records of `--json`, and tells the line that gives them.
"""
