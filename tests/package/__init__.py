"""The packages as users install them: .debs in small Debians, pipx, uv, the files of a release."""
