"""Journeys through the deployed local stack, judged by programs that are not ours."""
