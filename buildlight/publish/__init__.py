"""Who else is told the report, besides lamps."""
