"""Learning who responds: scikit-learn, which weighs more than the service, in a process of its own that keeps nothing.

Started as `python -m marque_campaign.learning`; only this package imports scikit-learn.
"""
