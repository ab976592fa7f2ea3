"""The one door to PostgreSQL: schema, migrations, repositories, task queue."""
