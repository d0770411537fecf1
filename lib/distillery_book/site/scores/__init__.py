"""The parts of the scoreboard: every published number and every conclusion of the papers, beside
what was recorded, drawn, listed and filtered.
"""
