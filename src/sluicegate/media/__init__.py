"""Child processes that read media pages and shape media files."""
