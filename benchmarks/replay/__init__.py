"""Parts of serving_day.py: the requests of a day, who sends them, what is served meanwhile, and what was seen by the hour."""
