"""Writes the made-up tables of the bike rides example.

usage: make_data.py FOLDER [RIDES]
"""

import csv
import datetime
import pathlib
import random
import sys


def write(path, header, rows, delimiter=","):
    with path.open("w", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def main():
    folder = pathlib.Path(sys.argv[1])
    num_rides = int(sys.argv[2]) if len(sys.argv) > 2 else 4000
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(20240321)

    districts = ["Nord", "Süd", "Hafen", "Altstadt"]
    stations = [(f"{n:03}", rng.choice(districts), rng.randint(10, 180)) for n in range(1, 31)]
    write(folder / "stations.csv", ["StationId", "District", "Elevation"], stations)

    first = datetime.date(2024, 1, 1)
    days = [first + datetime.timedelta(days=n) for n in range(200)]
    weather = {}
    for n, day in enumerate(days):
        temperature = round(2 + n / 10 + rng.gauss(0, 4), 1)
        rain = round(max(0.0, rng.gauss(-1, 3)), 1)
        weather[day] = (temperature, rain)
    write(
        folder / "weather.csv",
        ["Day", "Temperature", "RainMm"],
        [
            (day.strftime("%d.%m.%Y"), t if rng.random() > 0.1 else "", r if rng.random() > 0.1 else "")
            for day, (t, r) in weather.items()
        ],
    )

    rides = []
    for number in range(num_rides):
        day = rng.choice(days)
        station, district, elevation = rng.choice(stations)
        bike = rng.choice(["city", "city", "cargo", "electric"])
        distance = round(rng.expovariate(0.3) + 0.2, 2)
        minutes = distance * {"city": 4.5, "cargo": 6.0, "electric": 3.2}[bike]
        minutes += weather[day][1] * 0.4 + elevation / 60 + (3 if district == "Altstadt" else 0)
        minutes = round(max(1.0, minutes + rng.gauss(0, 1)), 2)
        # One ride in a hundred starts at a station that is no longer in the table.
        rides.append((number, bike, station if rng.random() > 0.01 else "999", day.strftime("%d.%m.%Y"), distance, minutes))
    write(folder / "rides.csv", ["RideNumber", "BikeType", "StationId", "Day", "DistanceKm", "Minutes"], rides, ";")


main()
