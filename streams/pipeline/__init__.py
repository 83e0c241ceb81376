"""The two stages as Faust agents: intake, and the customer pipeline. Pure steps inside, the
engine's batches outside."""
