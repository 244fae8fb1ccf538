"""Reading a tree: what can be started in it, what that would run, where failures get lost.

Pure: files in, values out. Nothing here runs a command, opens a file or knows a recipe.
"""
