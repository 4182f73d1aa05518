"""How complete profiles are: the rules of it, what is missing of one customer, and the counts."""
