"""The arithmetic of surveys, pure: what a questionnaire says, what is shown, what it scores."""
