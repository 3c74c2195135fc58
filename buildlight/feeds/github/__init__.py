"""GitHub Actions as a feed: workflow runs of one repository on one branch."""
