"""The numbers of the contract's enums (marque.survey.v1), by the names that rules speak of them."""

DRAFT, PUBLISHED = 1, 2

SINGLE, MULTIPLE, RATING, TEXT, DATE, RANKING, MATRIX, PAIR = range(1, 9)
CHOSEN = frozenset({SINGLE, MULTIPLE, RANKING})
SCALED = frozenset({RATING, MATRIX, PAIR})
ROWED = frozenset({MATRIX, PAIR})

NPS, CSAT, CES, INDEX = 1, 2, 3, 4
LOST_REASON = 4  # among the measures of questions, where there is no index

SALE, VISIT, CASE, BY_HAND, LAPSED = 1, 2, 3, 4, 5

PLANNED, SENDING, SENT, ANSWERING, FINISHED, EXPIRED, NOT_SENT, UNKNOWN = range(1, 9)
# One that is planned can be answered where it is to be sent again.
ANSWERABLE = frozenset({PLANNED, SENDING, SENT, ANSWERING, UNKNOWN, EXPIRED})

EMAIL, LINK, CALL = 1, 2, 3
BY_EMAIL, BY_CALL, BY_EMAIL_THEN_CALL = 1, 2, 3
