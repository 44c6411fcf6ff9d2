"""What a platform offers: regions, dyno sizes, add-on services, their plans and prices."""
