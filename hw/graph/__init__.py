"""From a graph of stages to hardware: what a stage must say, the schedule, and the registry."""
