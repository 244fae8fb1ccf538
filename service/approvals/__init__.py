"""What an approval binds to, and who may give it. Pure: values in, answers out."""
