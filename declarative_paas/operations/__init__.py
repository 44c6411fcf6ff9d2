"""What a person does to a running platform, on the `Reach` of its regions. Plans nothing, changes no record."""
