"""The book above the library: recorded results, their running, the pages, the site, and a folder a
chapter.
"""
