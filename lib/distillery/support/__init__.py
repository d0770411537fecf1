"""What every room may use: files written whole, locks, messages with the nearest name, progress,
settings.
"""
