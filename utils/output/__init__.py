"""Files and the terminal: PNG, films, history.csv, web pages, progress and warnings."""
