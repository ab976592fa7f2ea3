"""One module for each row; it defines ``ROW``. A new file here is a new row, nothing else has to know it."""
