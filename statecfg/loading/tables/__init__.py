"""Record files (csv, xlsx) as streams of typed rows, in bounded memory and to the last digit."""
