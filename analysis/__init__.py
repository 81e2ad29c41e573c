"""Numbers in, judgement out: compares two runs and says whether the candidate can carry production's load."""
