"""The commands of the shell, one module a command or group, and what several of them share."""
