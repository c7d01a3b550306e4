"""What did the review itself do: its search, the quality of its studies, what it took from them, what it printed?"""
