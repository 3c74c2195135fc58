"""Gitea and Forgejo as feeds: runs of their Actions, of one repository on one branch."""
