"""Results as people pass them on: comments for a pull request, pages, and charts."""
