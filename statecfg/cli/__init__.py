"""Click lives here and nowhere else: options, one call, rendering, an exit code."""
