"""The model provence-mpnet of provence_plugins."""
