"""Built-in critic kinds, and the process in which every judgement is made."""
