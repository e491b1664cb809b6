"""Files in, values out. Contacts nothing; knows kinds only by the classes it is handed."""
