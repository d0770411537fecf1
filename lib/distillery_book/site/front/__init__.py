"""The front page's pictures and lists, each made of what chapters' folders, published tables and
records say; nothing of them is typed into the page.
"""
