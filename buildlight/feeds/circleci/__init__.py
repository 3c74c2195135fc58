"""CircleCI as a feed: pipelines of one project on one branch, by the API in version 2."""
