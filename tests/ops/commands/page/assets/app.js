import "./matrix.js";
