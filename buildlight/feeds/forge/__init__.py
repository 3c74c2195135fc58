"""What feeds of forges share: GitHub, GitLab and others that build what they host."""
