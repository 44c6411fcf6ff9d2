"""Plans and applies in the workflows of GitHub, GitLab and Gitea: comments, statuses, labels, approvals."""
