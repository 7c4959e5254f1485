"""checkpoints/report.html: the course of a run as one page, for a browser on another machine."""
