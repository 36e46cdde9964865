"""What the shell prints, and how: nothing else writes to a terminal."""
