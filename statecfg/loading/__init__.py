"""Files in, values out: inventories, state files, templates and record files, with every problem at once."""
