//! Journeys through the local stack.
