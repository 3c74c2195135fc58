"""GitLab CI as a feed: pipelines of one project on one branch."""
