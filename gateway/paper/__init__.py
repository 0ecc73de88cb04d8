"""What people print, file or open in Excel: one page of values, written as CSV, HTML, PDF or a picture.

`page` is what is said; `as_csv`, `as_html`, `as_pdf` and `bars` are how. None of them knows what a notice is.
"""
