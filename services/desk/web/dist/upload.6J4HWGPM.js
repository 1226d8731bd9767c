import{a,b,c,d,e}from"./chunk.AAMC5MWN.js";import"./chunk.FKM3332C.js";export{d as again,a as choose,e as drop,b as restore,c as sent};
