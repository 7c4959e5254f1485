"""Files and the terminal: PNG, animations, history.csv, web pages, progress and warnings."""
