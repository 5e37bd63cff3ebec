package seed

import "strings"

// The names of a fleet: common ones, in letters that an email address takes.
var (
	firstNames = strings.Fields(`Ada Adam Aisha Alan Alice Amara Amir Ana Andrei Anita Anna Antonio Ben Bianca Carla
		Carlos Chen Chloe Clara Daniel Daria David Diana Diego Elena Elias Emily Emma Erik Eva Farah Felix Fiona
		Frank Gabriel Grace Hana Hassan Helen Henry Hugo Ines Ivan Jack James Jana Joao Jonas Julia Kai Karen Kevin
		Laura Lea Leo Liam Lina Lucas Lucia Maja Marco Maria Mark Marta Maya Mehmet Mia Mira Mona Nadia Nina Noah
		Nora Olga Oliver Omar Oscar Paula Peter Priya Rafael Rita Rosa Ruth Samir Sara Simon Sofia Stefan Tara
		Theo Thomas Tom Uma Vera Victor Yara Yuki Zoe`)
	lastNames = strings.Fields(`Adams Ahmed Almeida Andersen Bailey Baker Bauer Becker Bianchi Brown Campos Carter
		Chen Clark Cohen Costa Davies Demir Diaz Dubois Evans Ferrari Fischer Fontaine Garcia Gomez Green Gupta Haas
		Hansen Harris Hill Hoffmann Hughes Ibrahim Ito Jackson Jansen Johnson Jones Kaya Keller Khan Kim King
		Kowalski Kumar Lambert Larsen Lee Lewis Lopez Martin Mehta Meyer Miller Moore Moreau Mori Nakamura Naidoo
		Novak Nowak Olsen Ortiz Patel Perez Pereira Petrov Phillips Ramos Reddy Ricci Rivera Roberts Rossi Roux
		Santos Sato Schmidt Scott Shah Silva Singh Smith Suzuki Tanaka Taylor Thomas Torres Turner Walker Wagner
		Weber White Wilson Wood Wright Yilmaz Young`)
	streets = []string{
		"Main Street", "Station Road", "Church Street", "High Street", "Park Avenue", "Mill Lane", "Lake View",
		"Garden Street", "School Road", "Market Square", "River Road", "Hill Street", "Bridge Street", "Oak Avenue",
		"Harbor Road", "Victoria Street", "North Road", "South Street", "Meadow Lane", "Forest Drive",
	}
)
